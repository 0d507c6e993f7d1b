"""A thousand made photographs of digits, in twenty conditions, and what is read from them.

    python -m tests.data.photographs run=DIRECTORY paths.data=DIRECTORY      counts by condition

Each is drawn from (seed, condition, number) alone. Half the digits are MNIST's test digits,
enlarged; half are drawn here by strokes.
"""
