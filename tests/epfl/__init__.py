"""What only the EPFL report needs."""
