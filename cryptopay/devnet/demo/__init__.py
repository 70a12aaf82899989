"""What `make run` fills an empty database with: two merchants, people, keys and rates. Development only."""
