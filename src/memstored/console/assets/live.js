// Says when a page that changes by itself stands still, and why: with the template `standstill-<why>` of base.html.
"use strict";

const PATIENCE = 5000; // ms: what comes back sooner, as after a restart of the service, is not worth a word
const place = document.getElementById("standstill");
let waiting;

function say(why) {
  clearTimeout(waiting);
  waiting = undefined;
  place?.replaceChildren(document.getElementById(`standstill-${why}`)?.content.cloneNode(true) ?? "");
}

function ended(event) {
  say(event.data);
}

document.addEventListener("htmx:sseOpen", ({ detail }) => {
  detail.source.addEventListener("end", ended);
  if (waiting || place?.firstElementChild) say("moving");
});
document.addEventListener("htmx:sseError", () => {
  waiting ??= setTimeout(say, PATIENCE, "away");
});
