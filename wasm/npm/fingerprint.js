// A key that the platform releases for a fingerprint, a face, or a touch: the PRF extension of WebAuthn.

const LABEL = new TextEncoder().encode('pinlatch device key 1');
const random = () => crypto.getRandomValues(new Uint8Array(32));

async function prf() {
  return { eval: { first: await crypto.subtle.digest('SHA-256', LABEL) } };
}

// Whether the browser may have such keys. Whether the authenticator has shows when one is made.
export async function available() {
  const api = globalThis.PublicKeyCredential;
  if (!api) return false;
  const known = await api.getClientCapabilities?.();
  if (known && known['extension:prf'] === false) return false;
  return api.isUserVerifyingPlatformAuthenticatorAvailable();
}

// Makes a credential: its id, to be kept beside the locked token, and the key. Fails with `no_prf` where there is none.
export async function enroll({ user, site }) {
  const name = user;
  const credential = await navigator.credentials.create({
    publicKey: {
      challenge: random(),
      rp: { name: site },
      user: { id: random(), name, displayName: name },
      pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: 'public-key', alg })),
      authenticatorSelection: { authenticatorAttachment: 'platform', userVerification: 'required' },
      extensions: { prf: await prf() },
    },
  });
  const { enabled, results } = credential.getClientExtensionResults().prf ?? {};
  if (!enabled && !results) throw new Error('no_prf');
  const id = toBase64url(credential.rawId);
  const key = results?.first ? new Uint8Array(results.first) : await release(id);
  return { id, key };
}

// The key of a credential, after the user was verified.
export async function release(id) {
  const credential = await navigator.credentials.get({
    publicKey: {
      challenge: random(),
      allowCredentials: [{ type: 'public-key', id: fromBase64url(id) }],
      userVerification: 'required',
      extensions: { prf: await prf() },
    },
  });
  const first = credential.getClientExtensionResults().prf?.results?.first;
  if (!first) throw new Error('no_prf');
  return new Uint8Array(first);
}

function toBase64url(buffer) {
  const binary = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromBase64url(text) {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}
