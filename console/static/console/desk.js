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

// What a change would do reads the whole fleet, so the page comes first and asks for that part then. What it
// holds, forms included, is the server's; where that fails, the link beside the sentence asks again.
async function fill(part) {
  const said = document.getElementById("forecast-said");
  try {
    const answer = await fetch(part.dataset.later, { credentials: "same-origin", cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const whole = page.getElementById("forecast");
    if (!answer.ok || !whole) throw new Error(`${answer.status}`);
    part.replaceWith(document.importNode(whole, true));
    said.textContent = "Worked out just now.";
    document.dispatchEvent(new Event("ems:refreshed"));
  } catch {
    said.textContent = "This could not be worked out: the server did not answer, or you are signed out.";
    part.querySelector("progress").remove();
    part.querySelector("a").textContent = "Try again";
  }
}

document.addEventListener("ems:refreshed", dress);
document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("content")?.setAttribute("role", "main");
  dress();
  document.querySelectorAll("[data-later]").forEach(fill);
});
