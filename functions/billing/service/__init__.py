"""What can be asked of dealer billing, a module for each subject."""
