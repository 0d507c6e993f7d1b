"""Runs on several devices, on processes of this machine."""
