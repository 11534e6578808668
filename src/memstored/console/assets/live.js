// Says when a page that changes by itself stands still, and why: what base.html has in the template standstill-<why>.
"use strict";

const PATIENCE = 5000; // ms: what comes back sooner, as after a restart of the service, is not worth a word
const place = document.getElementById("standstill");
let waiting;

function say(why) {
  clearTimeout(waiting);
  waiting = undefined;
  const words = document.getElementById(`standstill-${why}`);
  place.replaceChildren(...(words ? [words.content.cloneNode(true)] : []));
}

function ended(event) {
  say(event.data);
}

document.addEventListener("htmx:sseOpen", ({ detail }) => {
  detail.source.addEventListener("end", ended);
  say("nothing");
});
document.addEventListener("htmx:sseError", () => {
  // Once it is said it is not said again at each try: it would be read out each time.
  if (!place.hasChildNodes()) waiting ??= setTimeout(say, PATIENCE, "away");
});
