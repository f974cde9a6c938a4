"""How long a workbook's way into the store takes, and what of the machine it holds meanwhile; and a bomb's way out."""
