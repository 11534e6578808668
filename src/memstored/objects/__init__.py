"""Object storage: where backups and the files of callers lie, a folder or an S3-compatible store."""
