// Words for numbers and times, and a clock that counts down.

export const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function formatMoment(seconds) {
  const format = new Intl.DateTimeFormat(undefined, {
    weekday: 'long',
    month: 'long',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
  });
  return `on ${format.format(seconds * 1000)}`;
}

const RELATIVE_UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

export function formatRelative(seconds) {
  const distance = seconds - Date.now() / 1000;
  const [unit, size] = RELATIVE_UNITS.find(([, length]) => Math.abs(distance) >= length) ?? [];
  if (!unit) return distance < 0 ? 'just now' : 'in under a minute';
  return new Intl.RelativeTimeFormat('en').format(Math.round(distance / size), unit);
}

export function formatClock(seconds) {
  const pair = (value) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const clock = `${pair(Math.floor(seconds / 60) % 60)}:${pair(seconds % 60)}`;
  return hours ? `${hours}:${clock}` : clock;
}

// Calls onTick with the whole seconds left, then onEnd once. Returns a function that stops it.
export function countDown(seconds, onTick, onEnd) {
  const deadline = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
    onTick(left);
    if (left > 0) return;
    clearInterval(timer);
    onEnd();
  };
  const timer = setInterval(tick, 250);
  tick();
  return () => clearInterval(timer);
}
