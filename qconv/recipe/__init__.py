"""What a user may choose: each option said once, settings that check themselves, recipe files."""
