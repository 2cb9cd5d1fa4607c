"""What any HTTP service needs: bodies, problems, headers, downloads, logs."""
