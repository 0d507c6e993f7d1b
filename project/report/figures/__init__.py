"""The report's figures: each function takes arms and returns a matplotlib Figure.

No pyplot, so no state outside the figure. Every mark differs from its neighbours in shape, fill or
line as well as in colour, and every figure says whether its bars are deviations or intervals.
"""
