// What pages can do better with a script; every page works without it.

for (const input of document.querySelectorAll('input[data-reveal]')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'reveal';
  const show = (visible) => {
    input.type = visible ? 'text' : 'password';
    button.textContent = visible ? 'Hide' : 'Show';
    button.setAttribute('aria-label', `${visible ? 'Hide' : 'Show'} ${input.dataset.reveal}`);
  };
  show(false);
  button.addEventListener('click', () => show(input.type === 'password'));
  // A password shown while the form leaves would be kept by the browser as ordinary text.
  input.form.addEventListener('submit', () => show(false));
  input.after(button);
}

for (const button of document.querySelectorAll('button[data-copy]')) {
  if (!navigator.clipboard) continue;
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Not allowed';
    }
    setTimeout(() => {
      button.textContent = label;
    }, 2000);
  });
}

// A suggested password goes through the field, so that a password manager sees it and offers to keep it.
for (const button of document.querySelectorAll('button[data-take]')) {
  button.addEventListener('click', () => {
    button.form.elements.namedItem(button.dataset.take).value =
      button.form.elements.namedItem('suggestion').value;
  });
}

// A page that answered a form: reloading it must show it again, not send the form again.
const shown = document.querySelector('[data-address]');
if (shown) history.replaceState(null, '', shown.dataset.address);

document.querySelector('[data-focus]')?.focus();
document.querySelector('form[data-autosubmit]')?.submit();
