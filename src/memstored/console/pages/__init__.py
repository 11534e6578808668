"""The pages, a module for each group of them; `console.app` lists the groups."""
