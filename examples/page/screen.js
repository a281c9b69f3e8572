// What every view has.

export const $ = (id) => document.getElementById(id);

export function setBodyData(values) {
  for (const [name, value] of Object.entries(values)) {
    if (value) document.body.dataset[name] = value;
    else delete document.body.dataset[name];
  }
}

export function setNotice(message) {
  $('notice').textContent = message?.text ?? '';
  $('notice').dataset.tone = message?.tone ?? '';
}

export function announce(text) {
  $('announcer').textContent = text;
}

export function setTitle(title) {
  document.title = `${title} · pinlatch`;
}
