"""Commands that change what is stored, while the server runs or not."""

import models.migrate
from models.db import Database
from settings import Settings
from wiring.settings_values import SettingsError


async def migrate(settings: Settings) -> int:
    """Apply the pending migrations and tell which."""
    if settings.database.engine == "sqlite":
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = Database(settings.database.url, threads=1)
    try:
        applied = await models.migrate.up(db)
    except models.migrate.Changed as error:
        raise SettingsError(f"database: {error}") from error
    finally:
        await db.close()
    for name in applied:
        print(f"applied {name}")
    print("the database is up to date")
    return 0
