"""Asks a server of JMX by the package jmxquery: arguments are the URL and queries. Each value is a line of JSON."""

import json
import sys

from jmxquery import JMXConnection, JMXQuery

connection = JMXConnection(sys.argv[1])
for metric in connection.query([JMXQuery(query) for query in sys.argv[2:]]):
    name = {"mbean": metric.mBeanName, "attribute": metric.attribute, "type": metric.value_type, "value": metric.value}
    print(json.dumps(name))
