"""The format of logs: a line of JSON for each record, without secrets (`portal.config.redaction`)."""

from __future__ import annotations

import structlog
from structlog.typing import Processor

from portal.config import redaction

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(*, debug: bool) -> dict[str, object]:
    """Return Django's `LOGGING`. JSON escapes line ends and control marks, so no value can forge a record.
    Tracebacks have no local variables, which might be secrets."""
    redaction.install()
    structlog.configure(
        processors=[
            *_SHARED,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    renderer = structlog.processors.JSONRenderer(ensure_ascii=True)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    redaction.redact_event,
                    renderer,
                ],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["console"], "level": "DEBUG" if debug else "INFO"},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            # RQ logs each job with its arguments at lower levels.
            "rq": {"level": "WARNING"},
            "rq.worker": {"level": "WARNING"},
            # waitress logs paths at lower levels, which can be secrets, and its queue at this one.
            "waitress": {"level": "WARNING"},
            "waitress.queue": {"level": "ERROR"},
            "botocore": {"level": "WARNING"},
            "urllib3": {"level": "ERROR"},
        },
    }
