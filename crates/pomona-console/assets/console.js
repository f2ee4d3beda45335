// Replaces the regions of the page as the server sends them: {"id": "html", …}.
"use strict";
(() => {
  const live = document.body.dataset.live;
  if (!live) return;
  const lost = document.getElementById("lost");
  const replace = (id, html) => {
    const region = document.getElementById(id);
    if (!region) return;
    // What a person has opened, and where the keyboard is, stay.
    const open = [...region.querySelectorAll("details[open][id]")].map((details) => details.id);
    const active = region.contains(document.activeElement) ? document.activeElement : null;
    const focus = active && (active.id || active.getAttribute("href"));
    region.innerHTML = html;
    for (const details of open) document.getElementById(details)?.setAttribute("open", "");
    if (!focus) return;
    const again = [...region.querySelectorAll("[id], [href]")];
    again.find((element) => (element.id || element.getAttribute("href")) === focus)?.focus({ preventScroll: true });
  };
  let source = null;
  let ended = false;
  const follow = () => {
    source = new EventSource(live);
    source.onopen = () => { lost.hidden = true; };
    source.onerror = () => {
      lost.hidden = false;
      // A browser tries again by itself, unless it got an answer that is no stream.
      if (source?.readyState === EventSource.CLOSED) setTimeout(() => { if (source) follow(); }, 3000);
    };
    source.addEventListener("regions", (event) => {
      for (const [id, html] of Object.entries(JSON.parse(event.data))) replace(id, html);
    });
    source.addEventListener("end", () => { ended = true; source.close(); });
  };
  // A browser has six connections to a server: pages that nobody sees take none.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (!source && !ended) {
      follow();
    }
  });
  if (!document.hidden) follow();
})();
