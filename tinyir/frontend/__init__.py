"""Readers of trained models, each giving a module at graph level."""
