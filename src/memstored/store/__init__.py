"""What must survive: tables, repositories, migrations."""
