"""Tables, SQL, migrations, and the only commit."""
