"""What only tests need: emulated services, recorded texts and the programs that renew them."""
