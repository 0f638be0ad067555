"""Organization, site and edge, each with its part of the configuration; a key per edge."""

from django.db import models
from rest_framework_api_key.models import AbstractAPIKey


class Organization(models.Model):
    code = models.CharField(max_length=63, unique=True)
    config = models.JSONField(default=dict)


class Site(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    code = models.CharField(max_length=63)
    config = models.JSONField(default=dict)


class Edge(models.Model):
    site = models.ForeignKey(Site, on_delete=models.CASCADE)
    edge_id = models.CharField(max_length=63, unique=True)
    version = models.IntegerField(default=1)
    config = models.JSONField(default=dict)


class EdgeKey(AbstractAPIKey):
    edge = models.ForeignKey(Edge, on_delete=models.CASCADE, related_name="keys")
