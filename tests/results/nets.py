"""A net whose constructor has a literal default: what equals it is no part of an identity."""


class Net:
    """Holds what it is given."""

    def __init__(self, dropout: float = 0.0) -> None:
        self.dropout = dropout
