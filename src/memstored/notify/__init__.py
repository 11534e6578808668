"""What goes out to receivers that tenants chose: messages, their signatures, and how they are sent."""
