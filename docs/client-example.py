# ruff: noqa: ANN001, ANN201, ANN202, E401, I001 - eighty lines, so types and blank lines are spared
# fmt: off
"""An edge of another make, written from the wire protocol alone: it believes nothing that is not signed.
EMS_ENROLLMENT_TOKEN=emsn_... python client-example.py BASE_URL ROOT_SHA256   (or the token on stdin)"""
import base64, contextlib, json, os, sys, time, uuid
from datetime import UTC, datetime
from hashlib import sha256
import requests, rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
MEMBERS = {"content_of", "edge_id", "edge_uid", "epoch", "expires_at", "issued_at", "kind", "org_uid",
           "schema", "sections", "spec", "timestamp", "type", "version"}
OWN = ("version", "timestamp", "edge_id")  # beside the sections in a document, and in its manifest
def need(truth, why):
    if not truth:
        raise ValueError(why)
def unbase64(text):  # standard or for URLs, padded or not
    return base64.urlsafe_b64decode(text.translate({43: "-", 47: "_"}) + "=" * (-len(text) % 4))
def unseal(envelope, kind, root, role):  # the payload, once enough distinct trusted keys have signed it
    name, payload, signers = f"application/vnd.ems.{kind}.v1+json", unbase64(envelope["payload"]), set()
    need(envelope["payloadType"] == name, f"not a {kind}")
    signed = b"DSSEv1 %d %b %d %b" % (len(name), name.encode(), len(payload), payload)
    for keyid in root["roles"][role]["keyids"]:  # the keyid beside a signature is only a hint
        need(sha256(rfc8785.dumps(root["keys"][keyid])).hexdigest() == keyid, "a key under another's id")
        public = Ed25519PublicKey.from_public_bytes(unbase64(root["keys"][keyid]["public"]))
        for signature in envelope["signatures"]:
            with contextlib.suppress(InvalidSignature):
                public.verify(unbase64(signature["sig"]), signed)
                signers.add(keyid)
    need(len(signers) >= root["roles"][role]["threshold"], f"{kind}: {len(signers)} trusted signatures")
    return json.loads(payload)
def trusted_root(get, pinned):  # root 1 by its digest, then each signed by the one before and by itself
    root, answer = None, get("/trust/roots/1")
    need(sha256(unbase64(answer.json()["payload"])).hexdigest() == pinned, "root 1 is not the pinned one")
    while answer.status_code == 200:
        newer = json.loads(unbase64(answer.json()["payload"]))
        for signer in (root or newer, newer):
            unseal(answer.json(), "trust-root", signer, "root")
        need(newer["root_version"] == (root["root_version"] + 1 if root else 1), "a root was left out")
        root, answer = newer, get(f"/trust/roots/{newer['root_version'] + 1}")
    need(datetime.fromisoformat(root["expires_at"]) > datetime.now(UTC), "the newest root is out of date")
    return root
def verify(header, document, root, me, seen=1):  # the version that the manifest proves the document to be
    manifest = unseal(json.loads(unbase64(header)), "config-manifest", root, "config")
    need(set(manifest) == MEMBERS and manifest["type"] == "ems.config-manifest", "not exactly a manifest")
    need((manifest["spec"], manifest["schema"]) == (1, "ems-config/1"), "of a form unknown to this edge")
    need(all(manifest[name] == me[name] for name in ("edge_uid", "org_uid", "edge_id")), "for another edge")
    need(manifest["epoch"] == root["epoch"] and manifest["version"] >= seen, "another epoch, or a replay")
    need(datetime.fromisoformat(manifest["expires_at"]) > datetime.now(UTC), "the manifest is out of date")
    need(all(document.get(name) == manifest[name] for name in OWN), "a document of another version")
    digests = {name: sha256(rfc8785.dumps(document[name])).hexdigest() for name in set(document) - set(OWN)}
    need(digests == manifest["sections"], "the digests differ")
    return manifest["version"]
def main(api, pinned, token):
    hello = {"token": token, "nonce": uuid.uuid4().hex, "agent_version": "0", "schemas": ["ems-config/1"]}
    me = requests.post(f"{api}/enroll", json=hello, timeout=10).json()
    need("key" in me, f"not enrolled: {me.get('detail')}")
    def get(path):
        return requests.get(api + path, headers={"X-API-Key": me["key"]}, timeout=10)
    root, edge = trusted_root(get, pinned), f"/edges/{me['edge_id']}"
    full = get(f"{edge}/config")
    held = verify(header := full.headers["EMS-Manifest"], full.json(), root, me)
    print(f"enrolled as {me['edge_id']}; version {held}: signature and digests are right")
    base = get(f"{edge}/versions/{max(held - 1, 1)}/bundle").json()["document"]  # proved by what it becomes
    while (answer := get(f"{edge}/config/delta?since={base['version']}")).status_code == 304:
        time.sleep(1)  # version 1 has none before it: wait for the first change
    delta = answer.json()
    result = {**base, **{name: delta[name] for name in OWN}, **delta["changed"]}
    result = {name: value for name, value in result.items() if name not in delta["removed"]}
    now = verify(answer.headers["EMS-Manifest"], result, root, me, held)
    print(f"delta from {base['version']} to {now}, {sorted(delta['changed'])}: signed and complete")
    for at in range(0, len(full.content), 97):
        forged = bytes(byte ^ (where == at) for where, byte in enumerate(full.content))
        with contextlib.suppress(ValueError):
            sys.exit(f"believed a forgery of version {verify(header, json.loads(forged), root, me)}")
    print(f"{at // 97 + 1} copies of version {held} with one bit flipped: refused")
try:
    main(sys.argv[1].rstrip("/") + "/api/v1", sys.argv[2], os.environ.get("EMS_ENROLLMENT_TOKEN") or input())
except ValueError as why:
    sys.exit(f"refused: {why}")
