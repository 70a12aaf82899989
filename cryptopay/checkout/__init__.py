"""The hosted payment page: complete without JavaScript, under a strict content security policy. Owns no table."""
