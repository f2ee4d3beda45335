"use strict";
// What the page gains by a script: the image under the pointer, and labels that are brought out.
// Without it the map has its names as tooltips, and everything else is there.
(() => {
  const map = document.getElementById("map");
  if (!map) return;
  const { thumbnails, labels } = JSON.parse(document.getElementById("points").textContent);
  const groups = [...map.querySelectorAll(".marks")];
  const marks = [...map.querySelectorAll(".marks use")].map((use, index) => {
    const title = use.querySelector("title");
    const mark = {
      use,
      index,
      x: use.x.baseVal.value,
      y: use.y.baseVal.value,
      label: Number(use.parentNode.dataset.label),
      path: title.textContent,
    };
    // The browser's own tooltip would cover the image.
    title.remove();
    return mark;
  });

  const tip = document.getElementById("tip");
  const tipImage = document.getElementById("tip-image");
  const tipLabel = document.getElementById("tip-label");
  const tipPath = document.getElementById("tip-path");
  const chosen = new Set();
  let aimed = null;

  const isShown = (mark) => chosen.size === 0 || chosen.has(mark.label);

  function aim(mark) {
    if (mark === aimed) return;
    if (aimed) aimed.use.classList.remove("aimed");
    aimed = mark;
    if (!mark) {
      tip.hidden = true;
      return;
    }
    mark.use.classList.add("aimed");
    tipLabel.textContent = labels[mark.label];
    tipPath.textContent = mark.path;
    const thumbnail = thumbnails[mark.index];
    tipImage.hidden = !thumbnail;
    if (thumbnail) {
      tipImage.width = thumbnail[0];
      tipImage.height = thumbnail[1];
      tipImage.src = "data:image/jpeg;base64," + thumbnail[2];
    }
    tip.hidden = false;
    const box = mark.use.getBoundingClientRect();
    const [width, height] = [tip.offsetWidth, tip.offsetHeight];
    const gap = 14;
    let left = box.right + gap;
    if (left + width > document.documentElement.clientWidth - 4) left = box.left - gap - width;
    left = Math.max(4, Math.min(left, document.documentElement.clientWidth - width - 4));
    let top = box.top + box.height / 2 - height / 2;
    top = Math.max(4, Math.min(top, document.documentElement.clientHeight - height - 4));
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  // The nearest mark counts, because marks are smaller than fingers.
  function nearest(event) {
    const matrix = map.getScreenCTM();
    if (!matrix) return null;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    const reach = (event.pointerType === "touch" ? 24 : 10) / matrix.a;
    let best = null;
    let least = reach * reach;
    for (const mark of marks) {
      if (!isShown(mark)) continue;
      const distance = (mark.x - at.x) ** 2 + (mark.y - at.y) ** 2;
      if (distance <= least) [best, least] = [mark, distance];
    }
    return best;
  }

  map.addEventListener("pointermove", (event) => aim(nearest(event)));
  map.addEventListener("pointerdown", (event) => aim(nearest(event)));
  map.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") aim(null);
  });
  addEventListener("scroll", () => aim(null), { passive: true });

  // From left to right by keys.
  const across = [...marks].sort((a, b) => a.x - b.x || a.y - b.y);
  map.tabIndex = 0;
  map.addEventListener("blur", () => aim(null));
  map.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") aim(null);
    if (!step) return;
    event.preventDefault();
    const shown = across.filter(isShown);
    const at = aimed ? shown.indexOf(aimed) + step : 0;
    aim(shown[(at + shown.length) % shown.length]);
  });

  const clear = document.getElementById("legend-clear");
  const buttons = [...document.querySelectorAll("#legend li")].map((item, label) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.append(...item.childNodes);
    item.append(button);
    button.addEventListener("click", () => {
      if (!chosen.delete(label)) chosen.add(label);
      show();
    });
    return button;
  });

  function show() {
    groups.forEach((group, label) => {
      group.classList.toggle("dim", chosen.size > 0 && !chosen.has(label));
    });
    buttons.forEach((button, label) => {
      button.setAttribute("aria-pressed", String(chosen.has(label)));
    });
    clear.disabled = chosen.size === 0;
    // What is brought out lies on top.
    groups.forEach((group, label) => chosen.has(label) && map.append(group));
  }

  clear.addEventListener("click", () => {
    chosen.clear();
    show();
  });
  const filter = document.getElementById("legend-filter");
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  filter.addEventListener("input", () => {
    const wanted = plain(filter.value);
    labels.forEach((label, index) => {
      buttons[index].parentNode.hidden = !plain(label).includes(wanted);
    });
  });
  for (const hidden of document.querySelectorAll(".legend-tools, .hint")) hidden.hidden = false;
})();
