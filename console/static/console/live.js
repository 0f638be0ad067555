// A part of a page that says `data-live="edge rollout"` is brought up to date when something of these kinds
// changes (`data-live-id`: of the first kind, only this one). The server sends hints; the page itself is asked
// again and only what differs is touched, so that focus, selection, and what somebody typed stay.
(() => {
  const SLOW = 30000; // without a socket
  const STEADY = 60000; // with one: silence is no event, so ages and "offline" need a look of their own
  const RETRY = [1000, 2000, 5000, 15000, 30000];
  const TYPED = new Set(["FORM", "INPUT", "TEXTAREA", "SELECT"]);
  let part, state, socket, timer, failures = 0, isAsking = false, isAskedAgain = false, heardAt = 0, pings = 30;

  const say = (text) => { if (state.textContent !== text) state.textContent = text; };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, socket && socket.readyState === WebSocket.OPEN ? STEADY : SLOW);
  };

  function attributes(from, to) {
    for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !(name === "open" && from.tagName === "DETAILS")) from.removeAttribute(name);
    }
  }

  function morph(from, to) {
    const olds = [...from.childNodes], news = [...to.childNodes];
    news.forEach((wanted, index) => {
      const old = olds[index];
      if (!old) from.append(document.importNode(wanted, true));
      else if (TYPED.has(old.nodeName) && old.nodeName === wanted.nodeName) return;
      else if (old.nodeName !== wanted.nodeName || old.id !== wanted.id) old.replaceWith(document.importNode(wanted, true));
      else if (old.nodeType === Node.ELEMENT_NODE) { attributes(old, wanted); morph(old, wanted); }
      else if (old.nodeValue !== wanted.nodeValue) old.nodeValue = wanted.nodeValue;
    });
    olds.slice(news.length).forEach((old) => old.remove());
  }

  async function refresh() {
    if (isAsking) { isAskedAgain = true; return; }
    isAsking = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-live]");
      if (answer.ok && fresh) { morph(part, fresh); document.dispatchEvent(new Event("ems:refreshed")); }
      else say("You are signed out, or this is gone. Load the page again.");
    } catch {
      say("The server does not answer. What you see may be old; this page keeps asking.");
    } finally {
      isAsking = false;
      later();
      if (isAskedAgain) { isAskedAgain = false; refresh(); }
    }
  }

  function concerns(change) {
    if (change.changed === "everything") return true;
    const kinds = part.dataset.live.split(" ");
    if (!kinds.includes(change.changed)) return false;
    const own = part.dataset.liveId;
    return !own || change.changed !== kinds[0] || !change.id || change.id === own;
  }

  function hear(event) {
    heardAt = Date.now();
    const said = JSON.parse(event.data);
    if (said.type === "hello") {
      pings = said.ping_seconds;
      if (failures) refresh(); // what changed in between nobody told us
      failures = 0;
      say("Live: this page follows by itself.");
    } else if (said.type === "changed" && said.changes.some(concerns)) refresh();
  }

  function connect() {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    heardAt = Date.now();
    socket.onmessage = hear;
    socket.onclose = () => {
      say("Not live: this page looks again every 30 s.");
      later();
      setTimeout(connect, RETRY[Math.min(failures, RETRY.length - 1)]);
      failures += 1;
    };
  }

  document.addEventListener("DOMContentLoaded", () => {
    part = document.querySelector("[data-live]");
    if (!part) return;
    state = document.createElement("p");
    state.className = "ems-quiet";
    state.setAttribute("role", "status");
    state.dataset.liveState = "";
    part.after(state);
    connect();
    later();
    // A line that went dead without a word is one without pings.
    setInterval(() => { if (Date.now() - heardAt > 2500 * pings) socket.close(); }, 5000);
  });
})();
