// What unfold's frame leaves out for people who use a keyboard or a reader: where the page itself begins,
// a way to scroll what is wider than its place, and icons that are not read out as words.
function offerScrolling(changes) {
  for (const { target } of changes) {
    const told = { tabindex: "0", role: "region", "aria-label": "Table, scrolls sideways" };
    for (const [name, value] of Object.entries(told)) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute(name, value);
      else target.removeAttribute(name);
    }
  }
}

const sizes = new ResizeObserver(offerScrolling);

// Also after live.js brought a part of the page up to date, which knows nothing of what was added here.
function dress() {
  const scrolling = [...document.querySelectorAll(".ems-scroll")];
  offerScrolling(scrolling.map((target) => ({ target })));
  scrolling.forEach((one) => sizes.observe(one));
  for (const icon of document.querySelectorAll(".material-symbols-outlined")) {
    const owner = icon.closest("a, button");
    const isAlone = owner && owner.textContent.trim() === icon.textContent.trim();
    if (!isAlone) icon.setAttribute("aria-hidden", "true");
  }
}

document.addEventListener("ems:refreshed", dress);
document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("content")?.setAttribute("role", "main");
  dress();
});
