"""memstored: a managed Redis service that anyone can run."""
