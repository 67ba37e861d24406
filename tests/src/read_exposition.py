"""Reads an exposition from standard input with the parsers of the official Python client.

The argument is the format, `text` or `openmetrics`. Each sample becomes a line of JSON. Numbers are texts, since JSON has
neither infinities nor what is not a number.
"""

import json
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

PARSERS = {"text": parser, "openmetrics": openmetrics}


def number(value):
    return None if value is None else repr(float(value))


def exemplar_of(sample):
    if sample.exemplar is None:
        return None
    labels, value, timestamp = sample.exemplar
    return {"labels": labels, "value": number(value), "timestamp": number(timestamp)}


def main():
    text = sys.stdin.buffer.read().decode("utf-8")
    for family in PARSERS[sys.argv[1]].text_string_to_metric_families(text):
        for sample in family.samples:
            line = {
                "family": family.name,
                "type": family.type,
                "help": family.documentation,
                "unit": family.unit,
                "name": sample.name,
                "labels": sample.labels,
                "value": number(sample.value),
                "timestamp": number(sample.timestamp),
                "exemplar": exemplar_of(sample),
            }
            print(json.dumps(line))


main()
