"""The pages, a module for each group of them; `console.house` lists the groups."""
