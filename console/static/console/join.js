// The code stands behind the #, which browsers send to nobody: it goes into the form, and out of the address.
const field = document.querySelector("#code");
if (field && !field.value && location.hash.length > 1) {
  field.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  field.form.requestSubmit();
}
