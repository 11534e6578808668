// Puts what the service said of a form that is being filled in at the fields: see templates/create/checked.html.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "checked") return;
  const said = new Map();
  for (const item of event.target.querySelectorAll("[data-field]")) said.set(item.dataset.field, item.textContent);
  for (const place of document.querySelectorAll(".wrong")) {
    const name = place.id.slice("wrong-".length);
    const words = said.get(name) ?? "";
    if (place.textContent !== words) place.textContent = words;
    document.getElementById(`field-${name}`)?.setAttribute("aria-invalid", String(words !== ""));
  }
});
