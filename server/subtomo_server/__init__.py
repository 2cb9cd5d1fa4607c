"""The HTTP server of Subtomo: routes, sign-in, pages."""
