"""Models over the air: fetched and verified, tried, put in use, proven or taken back, whatever breaks in between."""
