"""tinyir: trained networks to small, fast and proved C."""
