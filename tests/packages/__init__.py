"""What is shipped: archives and the Debian package, made and used as their users make and use them."""
