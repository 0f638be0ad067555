// "Line 52" leads to line 52 of the box.
document.addEventListener("click", (event) => {
  const line = Number(event.target.dataset.line);
  const box = document.getElementById("body");
  if (!line || !box) return;
  const lines = box.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  box.focus();
  box.setSelectionRange(start, start + lines[line - 1].length);
  box.scrollTop = (box.scrollHeight / lines.length) * Math.max(0, line - 4);
});
