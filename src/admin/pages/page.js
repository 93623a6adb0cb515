// A form that is under way is not sent again by a second click. After a while it may be: nothing says that somebody
// stopped the first.
let underWay = new WeakMap();
document.addEventListener('submit', (event) => {
  const isUnderWay = Date.now() - (underWay.get(event.target) ?? 0) < 10_000;
  if (!isUnderWay) return underWay.set(event.target, Date.now());
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
// A page that the browser kept, as after its back button.
addEventListener('pageshow', () => { underWay = new WeakMap(); });

// What cannot be taken back is asked about on a page; this shows that page as a dialog.
document.addEventListener('submit', async (event) => {
  const button = event.submitter;
  if (button?.dataset.asks === undefined) return;
  event.preventDefault();
  const form = event.target;
  const address = button.getAttribute('formaction') ?? form.getAttribute('action');
  const body = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(address, { method: 'POST', body }).catch(() => null);
  const page = answer?.ok && !answer.redirected && new DOMParser().parseFromString(await answer.text(), 'text/html');
  const question = page && page.getElementById('confirmation');
  if (!question) {
    // Whatever it is instead of a question, the browser shows it.
    delete button.dataset.asks;
    underWay.delete(form);
    form.requestSubmit(button);
    return;
  }
  const dialog = document.createElement('dialog');
  const title = document.createElement('h2');
  title.id = 'confirmation-title';
  title.textContent = page.querySelector('h1').textContent;
  dialog.setAttribute('aria-labelledby', title.id);
  dialog.append(title, ...question.childNodes);
  const cancel = dialog.querySelector('a');
  cancel.autofocus = true;
  cancel.addEventListener('click', (click) => {
    click.preventDefault();
    dialog.close();
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    underWay.delete(form);
  });
  document.body.append(dialog);
  dialog.showModal();
});

// After a form was refused or a token tested: there.
document.querySelector('#problems, #result, #answer')?.focus();

// What is typed as an issuer is looked up once the typing pauses.
const discovery = document.querySelector('[data-discovers]');
const discovered = discovery && document.getElementById(discovery.dataset.discovers);
let pause;
discovered?.addEventListener('input', () => {
  clearTimeout(pause);
  if (!URL.canParse(discovered.value)) return;
  pause = setTimeout(async () => {
    const asked = discovered.value;
    const body = new URLSearchParams(new FormData(discovered.form));
    const answer = await fetch('/dashboard/external/discover', { method: 'POST', body }).catch(() => null);
    if (!answer?.ok || answer.redirected || discovered.value !== asked) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    discovery.replaceChildren(...page.getElementById(discovery.id)?.childNodes ?? []);
  }, 600);
});

// What is live is looked at again, unless somebody is at work in it or looks elsewhere. If that fails, the page says so:
// what it shows may be true no longer.
const live = document.querySelector('[data-live]');
if (live) {
  const note = document.createElement('p');
  note.className = 'note bad';
  note.setAttribute('role', 'alert');
  const outdated = (why, login) => {
    const text = `No longer up to date: ${why}. `;
    if (note.isConnected && note.firstChild?.textContent === text) return;
    note.replaceChildren(text);
    if (login) {
      const link = document.createElement('a');
      link.href = login;
      link.textContent = 'Log in';
      note.append(link);
    }
    live.before(note);
  };
  const look = async () => {
    if (document.hidden || live.contains(document.activeElement) || live.querySelector('input:checked, details[open]')) return;
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(20_000) }).catch(() => null);
    if (!answer) return outdated('the gateway does not answer');
    if (answer.redirected) return outdated('you are logged out', answer.url);
    if (!answer.ok) return outdated(`the gateway answers with ${answer.status}`);
    const text = await answer.text().catch(() => null);
    const fresh = text && new DOMParser().parseFromString(text, 'text/html').getElementById(live.id);
    if (!fresh) return outdated('the gateway does not answer');
    note.remove();
    if (live.contains(document.activeElement)) return;
    live.replaceChildren(...fresh.childNodes);
    showCopies();
  };
  const again = () => setTimeout(() => look().finally(again), 5000);
  again();
}

// Copies what is shown once, and ids. Also on what is looked at again, where buttons are new.
const showCopies = () => {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll('[data-copy], [data-copy-text]')) button.hidden = false;
};
document.addEventListener('click', async ({ target }) => {
  const button = target.closest?.('[data-copy], [data-copy-text]');
  if (!button) return;
  const text = button.dataset.copyText ?? document.getElementById(button.dataset.copy).textContent;
  const said = await navigator.clipboard.writeText(text).then(() => 'Copied', () => 'Not copied');
  button.textContent = said;
  // What a screen reader calls the button instead of its text.
  if (button.hasAttribute('aria-label')) button.setAttribute('aria-label', said);
});
showCopies();
