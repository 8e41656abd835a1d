"""What each section of the page shows, from the report alone."""
