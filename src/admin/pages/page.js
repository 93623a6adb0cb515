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

// What is live is looked at again, unless somebody is at work in it or looks elsewhere.
const live = document.querySelector('[data-live]');
if (live) {
  setInterval(async () => {
    if (document.hidden || live.contains(document.activeElement) || live.querySelector('input:checked, details[open]')) return;
    const answer = await fetch(location.href).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.getElementById(live.id);
    if (fresh && !live.contains(document.activeElement)) {
      live.replaceChildren(...fresh.childNodes);
      showCopies();
    }
  }, 5000);
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
  await navigator.clipboard.writeText(text);
  button.textContent = 'Copied';
});
showCopies();
