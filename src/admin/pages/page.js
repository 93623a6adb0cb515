// Asks before a form does what cannot be taken back. Without this script it is done unasked.
document.addEventListener('submit', (event) => {
  const question = event.submitter?.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// After a form was refused or a token tested: there.
document.querySelector('#problems, #result')?.focus();

// What is live is looked at again, unless somebody is at work in it or looks elsewhere.
const live = document.querySelector('[data-live]');
if (live) {
  setInterval(async () => {
    if (document.hidden || live.contains(document.activeElement)) return;
    const answer = await fetch(location.href).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.getElementById(live.id);
    if (fresh && !live.contains(document.activeElement)) live.replaceChildren(...fresh.childNodes);
  }, 5000);
}

// Copies what is shown once.
for (const button of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = 'Copied';
  });
}
