// An input with data-filter="<id>" shows those rows of that table whose data-name has what is typed.
for (const input of document.querySelectorAll("input[data-filter]")) {
  const rows = document.getElementById(input.dataset.filter).querySelectorAll("tr[data-name]");
  input.closest("[hidden]").hidden = false;
  input.addEventListener("input", () => {
    for (const row of rows) row.hidden = !row.dataset.name.includes(input.value.trim().toLowerCase());
  });
}
