"""Takes the pictures of docs/images, each with a real run behind it: `make screenshots`. One picture book per file."""
