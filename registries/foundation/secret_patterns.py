"""The forms of secrets, as regular expressions: `registries.foundation.secret_shapes` searches for them. Each is linear
in the length of the text.
"""

from __future__ import annotations

import re

_NO_WORD_BEFORE = r"(?<![A-Za-z0-9])"
_TOKENS = {
    "a GitHub token": r"(?:gh[pousr]_[A-Za-z0-9]{12,}|github_pat_[A-Za-z0-9]{16,}[A-Za-z0-9_]*)",
    "a Docker Hub token": r"dckr_(?:pat|oat)_(?=[a-z_-]{0,40}[0-9A-Z])[A-Za-z0-9_-]{8,}",
    "a GitLab token": r"(?:gl(?:pat|dt|rt|cbt|ptt|ft|imt|soat|agent)-(?=[A-Za-z_-]{0,40}[0-9A-Z])[\w.-]{12,})",
    "an AWS access key": r"A(?:KI|SI)A(?=[A-Z]{0,15}[0-9])[A-Z0-9]{16}(?![A-Za-z0-9])",
    "an Azure password": r"(?:[A-Za-z0-9/+]{42}\+ACR[A-Za-z0-9]{6}|[\w~.-]{3}[0-9]Q~[\w~.-]{31,34})",
    "a Google access token": r"(?:ya29\.(?=[a-z0-9_.-]{0,90}[A-Z])[\w.-]{16,}|AIza[\w-]{35})",
    "a Slack token": r"xox[abeoprs]-(?=[A-Za-z-]{0,40}[0-9])[A-Za-z0-9-]{10,}",
    "a secret key": r"(?:[sr]k_(?:live|test)_[A-Za-z0-9]{12,}"
    r"|sk-(?:[a-z0-9]{1,8}-)?(?=[a-z-]{0,80}[0-9A-Z])(?=[\w-]{0,80}[A-Za-z0-9_]{16})[\w-]{24,})",
    "an access token": r"(?:npm_[A-Za-z0-9]{30,}|pypi-AgE[\w-]{30,}|hf_[A-Za-z0-9]{30,}|do[opr]_v1_[a-f0-9]{32,}"
    r"|hv[sb]\.(?=[a-z0-9_-]{0,90}[A-Z])[\w-]{20,}|AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{40,})",
    "a token of this portal": r"(?:(?:dr[a-z]|drayage)_(?=[a-z0-9_-]{0,90}[A-Z])[A-Za-z0-9_-]{20,}"
    r"|whsec_[A-Za-z0-9+/=]{20,})",
}
TOKEN_PATTERN = "|".join(_TOKENS.values())
"""Matches tokens with a known form, in JavaScript too."""
CERTAIN = {
    **{kind: re.compile(_NO_WORD_BEFORE + pattern) for kind, pattern in _TOKENS.items()},
    # `eyJ` is the beginning of a JSON object in base64: three or five parts make a signed or an encrypted token.
    "a signed token (JWT)": re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w.-]{4,}"),
    "a Quay robot token": re.compile(
        r"(?<![A-Za-z0-9])(?=[A-Z]{0,63}[0-9])(?=[A-F0-9]{0,63}[G-Z])[A-Z0-9]{64}(?![A-Za-z0-9])"
    ),
    "a service account key": re.compile(
        r'"private_key(?:_id)?"\s{0,9}:\s{0,9}"[^"]{8,}"?|"type"\s{0,9}:\s{0,9}"service_account"'
    ),
    "a login of .netrc": re.compile(
        r"\bmachine\s{1,9}[\w.:-]{1,253}\s{1,9}login\s{1,9}\S{1,253}\s{1,9}password\s{1,9}\S{1,4096}"
    ),
    "a docker login": re.compile(
        r'"(?:auth|identitytoken|registrytoken)"\s{0,9}:\s{0,9}"[\w+/=.-]{8,}"'
        r'|\.?dockerconfigjson"?\s{0,9}:\s{0,9}"?[A-Za-z0-9+/]{16,}={0,2}'
    ),
    "a password": re.compile(
        r"(?:(?<![\w-])|(?<=[\"']))(?:password|passwd|secret|client_secret|secret_access_key|SecretAccessKey|SessionToken)"
        r"[\"']?\s{0,9}:\s{0,9}(?:\"[^\"$<{*\n]{1,300}\"|'[^'$<{*\n]{1,300}')"
        r"|(?i:aws_secret_access_key|aws_session_token|accountkey|sharedaccesskey)"
        r"[\"']?\s{0,9}[=:]\s{0,9}[\"']?[A-Za-z0-9+/]{16,}={0,2}"
    ),
    "an Authorization header": re.compile(
        r"(?i:(?<![\w-])(?:proxy-)?authorization[\"']?\s{0,9}[:=]\s{0,9}[\"']?(?:basic|bearer|token)\s{1,9}"
        r"[\w+/=.~-]{6,}"
        r"|(?<![\w-])(?:x-api-key|salad-api-key|private-token|x-auth-token|x-registry-auth)[\"']?\s{0,9}:\s{0,9}"
        r"[\w+/=.~-]{8,})"
    ),
    "an address with a password": re.compile(
        r"://[^\s/?#@:\"'<>]{0,255}:(?![$<{*%…]|x{3,}@|(?i:password)@)[^\s/?#@\"']{1,255}@"
    ),
    "a login of curl": re.compile(
        r"(?<![\w-])curl(?:\.exe)?(?=\s)[^\n|;&]{0,300}?\s(?:-u\s{0,9}|--user(?:\s{1,9}|=))[\"']?"
        r"[^\s:\"'$<{*]{1,100}:(?![$<{*%…]|x{3,}|(?i:password)(?!\w))[^\s\"']{3,200}"
    ),
    "the address of a webhook": re.compile(
        r"hooks\.slack\.com/(?:services|workflows|triggers)/\w{1,40}/\w{1,40}/\w{8,}"
        r"|discord(?:app)?\.com/api/webhooks/[0-9]{1,30}/[\w-]{16,}"
    ),
}
"""By kind, what has a form that nothing else has."""
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# How the DER of a private key begins, in base64: PKCS #1 and #8 of RSA, encrypted PKCS #8, EC, Ed25519, OpenSSH's own.
KEY_BODY = re.compile(
    r"(?<![A-Za-z0-9+/])(?:MII[\w+/]{2}[AQgw]IBA(?:AKC|DAN)|MI[\w+/]{2,12}BgkqhkiG9w0BBQ0w"
    r"|MI[GH][\w+/]AgE(?:AMB[A-Z]GByqGSM49|BB[BE])|MHcCAQEEI|MC4CAQAwBQYDK2VwBCIEI|b3BlbnNzaC1rZXktdjE)"
    r"[A-Za-z0-9+/]{16,}={0,2}(?:\s{1,2}[A-Za-z0-9+/]{20,76}(?![A-Za-z0-9+/]))*(?:\s{0,2}[A-Za-z0-9+/]{1,76}={1,2})?"
)
END_OF_KEY = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
LOGIN = re.compile(
    r"(?i)(?<![\w-])(?:docker|podman|nerdctl|buildah|skopeo|oras|crane|finch|helm)(?:\.exe)?\s{1,9}"
    r"(?:[\w-]{1,20}\s{1,9}){0,3}login(?![\w-])"
)
LOGIN_PASSWORD = re.compile(
    r"(?i)(?<!\S)(?:-p(?:\s{1,9}|=)?|--password(?:\s{1,9}|=))[\"']?(?![\s$\"'<{*-])([^\s\"']{1,400})"
)
PROMPT = re.compile(r"\s{0,20}(?:[$#>]\s{0,9})?(?:sudo\s{1,9})?")
PIPED = re.compile(
    r"(?i)(?<![\w-])(?:echo|printf)\s{1,9}(?:-n\s{1,9}|[\"']?%s[\"']?\s{1,9}|--\s{1,9}){0,3}"
    r"[\"']?(?![\s$\"'<{|*])[^\s\"'|]{1,4000}"
)
HERE_STRING = re.compile(r"<<<\s{0,9}[\"']?(?![\s$\"'<{|*])[^\s\"'|]{1,4000}")
SUBSTITUTION = re.compile(r"<\(\s{0,9}(?=(?:echo|printf)\s)", re.IGNORECASE)
OPTION = re.compile(
    r"(?<![\w-])--(?!(?:eos|bos|pad|unk|mask|sep|cls|start|end|stop|image|cancel)[-_]token(?![\w-]))"  # of models
    r"(?:[a-z]{1,20}[-_])?(?:password|passwd|pass|secret|token|api[-_]?key|access[-_]?key)"
    r"(=|\s{1,9})[\"']?([^\s\"']{1,400})"
)
CREDENTIAL_PAIR = re.compile(
    r"[\w.+$-]{1,255}:(?!//)[^\s/@:]{1,255}@(?!sha(?:256|512):)[A-Za-z0-9.-]{1,255}(?::[0-9]{1,5})?(?:/\S{0,600})?"
)
"""`user:password@host/…` without a scheme, as a whole text."""
LONE_TOKEN = re.compile(r"(?i)[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12,180}")
WORD = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
PLAIN_RUN = re.compile(r"[a-z0-9]{24,}|[A-Z0-9]{24,}")
ASSIGNED = re.compile(
    r"(?<![\w-])\w{0,60}?(?i:password|passwd|secret|token|api_?key|access_?key)=[\"']?([^\s\"']{6,400})"
)
QUERY = re.compile(
    r"[?&](?i:token|access_token|api_?key|key|secret|sig|signature|password|x-amz-signature)=([^&\s#]{8,400})"
)
# A line of YAML, or of notes: a name, a colon and one word. An image pull secret is named there, not given.
YAML = re.compile(
    r"^[ \t>-]{0,40}[\"']?(?!(?i:image_?-?pull_?-?secret))"
    r"[A-Za-z_-]{0,40}?(?i:password|passwd|passphrase|secret|token|api_?key|access_?key)[\"']?"
    r":[ \t]{1,40}(?![|>&!#])([^\s\"']{1,400})[ \t\r]{0,40}$",
    re.MULTILINE,
)
NO_NAME = re.compile(r"[^A-Za-z./_-]")
NO_PASSWORD = {
    "empty", "enabled", "disabled", "expired", "hidden", "incorrect", "invalid", "masked", "missing", "mismatch", "no",
    "none", "null", "ok", "optional", "redacted", "rejected", "required", "secret", "string", "text", "token",
    "password", "true", "false", "unauthorized", "unknown", "unset", "wrong", "yes",
}  # fmt: skip
"""What follows `password:` and says something of it."""
BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_-])((?i:basic)\s{1,9})?([A-Za-z0-9+/]{6,2000}={0,2})(?![A-Za-z0-9+/=_-])")
LOGIN_PAIR = re.compile(r"[A-Za-z0-9._+@$-]{1,255}:[!-~]{3,1000}")
MIN_BASE64_LENGTH = 12
"""Shorter words decode to a user and a password by chance."""
