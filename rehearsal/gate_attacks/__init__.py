"""Ways to get reads onto the target without a valid approval, tried on a local world: none may get through."""
