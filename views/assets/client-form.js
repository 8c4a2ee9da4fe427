// The client form with a script: presets fill it in where it stands, and what is typed is checked meanwhile.
// The rules are the server's: it is asked, with the form as it would be sent.

const form = document.querySelector('form[data-check]');
const touched = new Set();
let waiting;
let asked = 0;

function fill(fields) {
  for (const [name, value] of Object.entries(fields)) {
    const control = form.elements[name];
    if (control === undefined) continue;
    if (control.type === 'checkbox') control.checked = value;
    // What somebody typed is theirs; a preset has no better address.
    else if (name !== 'redirect_uri' || control.value.trim() === '') control.value = value;
  }
}

function show(control, messages) {
  const { name } = control;
  let line = document.getElementById(`${name}-fault`);
  if (messages.length === 0) {
    line?.remove();
    control.removeAttribute('aria-invalid');
  } else {
    if (!line) {
      line = document.createElement('p');
      line.id = `${name}-fault`;
      line.className = 'fault';
      const box = control.closest('.field, .check');
      if (box.classList.contains('field')) box.querySelector('label').after(line);
      else box.append(line);
    }
    line.textContent = messages.join(' ');
    control.setAttribute('aria-invalid', 'true');
  }
  const described = [`${name}-hint`, `${name}-fault`].filter((id) => document.getElementById(id));
  if (described.length > 0) control.setAttribute('aria-describedby', described.join(' '));
  else control.removeAttribute('aria-describedby');
}

async function check() {
  asked += 1;
  const turn = asked;
  const body = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.dataset.check, { method: 'POST', body }).catch(() => undefined);
  // Without an answer the form is checked when it is sent.
  if (!answer?.ok || turn !== asked) return;
  const { faults } = await answer.json();
  for (const name of touched) {
    const messages = faults.filter(({ field }) => field === name).map(({ message }) => message);
    show(form.elements[name], messages);
  }
}

function checkSoon(delay) {
  clearTimeout(waiting);
  waiting = setTimeout(check, delay);
}

const presets = document.querySelectorAll('button[data-preset]');
for (const button of presets) {
  button.addEventListener('click', (event) => {
    event.preventDefault();
    fill(JSON.parse(button.dataset.preset));
    for (const other of presets) other.setAttribute('aria-pressed', String(other === button));
    if (touched.size > 0) checkSoon(0);
  });
}

if (form) {
  form.addEventListener('input', ({ target }) => {
    if (!target.name || target.type === 'hidden') return;
    touched.add(target.name);
    checkSoon(400);
  });
}
