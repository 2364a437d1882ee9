"""Commands for the keys: making them ahead of a first start, where several instances will share them."""

from collections.abc import Mapping

from crypto.keyring import PURPOSES, Ring, format_ring, make_key
from settings import Settings
from wiring.build import parse_keys
from wiring.secret_files import create_secrets, secret_texts
from wiring.settings_values import SettingsError


def init(settings: Settings, environ: Mapping[str, str]) -> int:
    """Make one key for each purpose, unless all are there; `SettingsError` when only some are, or one is weak.

    It asks no database. One that holds what other keys sealed is protected all the same: no server starts
    on it with keys that do not open it.
    """
    texts = secret_texts(settings, environ, PURPOSES)
    missing = [purpose for purpose, text in texts.items() if text is None]
    if missing and len(missing) < len(texts):
        raise SettingsError(
            f"secrets: {', '.join(missing)}: no key, but the others are there: restore the key files in"
            f" {settings.secrets_dir}, or take the others away if nothing was ever stored with them"
        )
    if not missing:
        parse_keys(texts)
        print("all keys are there already")
        return 0
    made = create_secrets(settings.secrets_dir, {purpose: format_ring(Ring((make_key(),))) for purpose in missing})
    # Another process may have been here first; what counts is what stands there now.
    parse_keys(secret_texts(settings, environ, PURPOSES))
    print(f"made {', '.join(sorted(made))} in {settings.secrets_dir}" if made else "all keys are there already")
    return 0
