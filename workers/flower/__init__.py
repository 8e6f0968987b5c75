"""`celery -A workers flower`: Flower with Vedette's rows, a link to what it cannot show, and no door left open.

Flower itself is imported when it runs, for only machines that watch have it.
"""
