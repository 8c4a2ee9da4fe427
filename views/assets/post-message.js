// Tells the window that opened this one how the sign-in ended, and nobody else.
const told = document.querySelector('[data-post-message]');
if (told && window.opener) {
  window.opener.postMessage(JSON.parse(told.dataset.postMessage), told.dataset.target);
}
