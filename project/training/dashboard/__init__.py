"""What TensorBoard shows of a run: `make dashboard`.

`writer` is the Lightning callback that writes it all; the other files hold one tab or picture each.
"""
